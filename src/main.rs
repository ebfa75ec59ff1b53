//! The program `aegis`: calls the command line and nothing else.
#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    aegis::cli::main()
}
