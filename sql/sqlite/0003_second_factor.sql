-- Second factors, the sign-ins that wait for one, API tokens and notices. What the store keeps of a code or
-- a token is its SHA-256; what Aegis must be able to read again is sealed with the key file.

-- A link may add a factor, too.
create table link_with_factor (
    id text primary key,
    secret blob not null unique,
    purpose text not null check (purpose in ('setup', 'password', 'factor')),
    account_id text references account (id),
    created_at integer not null,
    expires_at integer not null,
    used_at integer
) strict;
insert into link_with_factor select id, secret, purpose, account_id, created_at, expires_at, used_at from link;
drop table link;
alter table link_with_factor rename to link;

-- Until when a factor may be added in this session without showing one: it was opened by a link.
alter table session add column enrol_until integer;

-- A browser that its owner asked to be remembered. Never a factor.
alter table device add column id text;
alter table device add column remembered_at integer;
alter table device add column user_agent text;
create unique index device_by_id on device (id) where id is not null;
create index device_by_account on device (account_id);

-- A sign-in whose password was right, and that waits for a second factor.
create table challenge (
    id text primary key,
    secret blob not null unique,            -- SHA-256 of what the browser or the script holds
    account_id text not null references account (id),
    epoch integer not null,                 -- the account's, when its password was judged
    purpose text not null check (purpose in ('web', 'token')),
    audience text,
    methods text not null,                  -- what was shown already, joined by +
    session_id text,                        -- the session of this browser, which ends when this is finished
    step_up integer not null check (step_up in (0, 1)), -- it shows a factor again in that session, which must live
    began_at integer not null,              -- when the first of those was asked that this one took the place of
    keep integer not null check (keep in (0, 1)),
    return_to text,
    known integer not null check (known in (0, 1)), -- from a browser that has signed in before
    address text,
    user_agent text,
    state text not null check (state in
        ('pending', 'approved', 'finished', 'denied', 'wrong_number', 'expired', 'superseded', 'cancelled')),
    created_at integer not null,
    expires_at integer not null,
    approved_at integer,
    decided_at integer,
    opened text,                            -- the session it opened
    -- What is asked on Telegram.
    prompt text not null check (prompt in ('none', 'due', 'sent', 'failed')),
    mode text check (mode in ('pick', 'type', 'plain')),
    number integer,                         -- that the page shows
    choices text,                           -- that the message offers, joined by commas
    tap text unique,                        -- names this row in buttons; worth nothing without Telegram's word for who taps
    chat integer,
    message integer,
    failure text,                           -- why it could not be asked
    told integer not null check (told in (0, 1)) -- whether the message says what became of it
) strict;
create unique index challenge_open on challenge (account_id) where state in ('pending', 'approved');
create index challenge_by_state on challenge (state, expires_at);
create index challenge_untold on challenge (told) where told = 0;

-- Who answers for whom on Telegram.
create table telegram_link (
    account_id text primary key references account (id),
    person integer not null,                -- from.id
    chat integer not null,                  -- their private chat with the bot
    name text not null,                     -- decoration
    created_at integer not null,
    broken text,                            -- why no message arrives: blocked, no_chat; null: none known of
    broken_at integer
) strict;
create index telegram_link_by_person on telegram_link (person);

-- A link to Telegram that is under way: begun in a browser, answered in Telegram, confirmed in that browser.
create table telegram_offer (
    id text primary key,
    code blob not null unique,              -- SHA-256 of what the deep link carries
    short blob not null unique,             -- SHA-256 of what can be typed instead
    account_id text not null references account (id),
    session_id text not null,               -- that alone may confirm it
    created_at integer not null,
    expires_at integer not null,
    person integer,
    chat integer,
    name text,
    ended_at integer                        -- confirmed, refused, or another one was begun
) strict;
create index telegram_offer_by_account on telegram_offer (account_id);

-- The last update that was heard of each bot.
create table telegram_heard (
    bot integer primary key,
    last_update integer not null,
    at integer not null                     -- after a week without any, Telegram begins with other numbers
) strict;

-- How often an account was asked on Telegram, and until when it is not.
create table prompting (
    account_id text primary key references account (id),
    prompts integer not null,               -- in a row
    last_at integer not null,
    paused_until integer not null,
    pauses integer not null,                -- in a row: each is twice as long
    careful_until integer not null,         -- until then the number is typed, not picked
    version integer not null                -- compare-and-set
) strict;

-- Authenticator apps (RFC 6238).
create table totp (
    account_id text primary key references account (id),
    secret blob not null,                   -- sealed
    last_step integer not null,             -- of the last code that was accepted
    created_at integer not null,
    used_at integer
) strict;

-- Passkeys (WebAuthn).
create table passkey (
    id text primary key,
    account_id text not null references account (id),
    credential blob not null unique,
    data text not null,                     -- the public key and its counter, JSON
    name text not null,
    created_at integer not null,
    used_at integer
) strict;
create index passkey_by_account on passkey (account_id);

-- Ceremonies of WebAuthn that have done what they were for. Their browser holds them, sealed.
create table passkey_ceremony (
    secret blob primary key,                -- SHA-256 of what the browser holds
    expires_at integer not null             -- long after it is refused by itself
) strict;
create index passkey_ceremony_by_end on passkey_ceremony (expires_at);

create table recovery_code (
    secret blob primary key,                -- SHA-256 of the account and the normalised code
    account_id text not null references account (id),
    created_at integer not null,
    used_at integer
) strict;
create index recovery_code_by_account on recovery_code (account_id);

-- Tokens for scripts: `aegis_pat_…`.
create table api_token (
    id text primary key,
    secret blob not null unique,
    account_id text not null references account (id),
    name text not null,
    apps text not null,                     -- comma list; empty: all
    allow text not null,                    -- "METHOD PATH" a line; empty: everything
    created_at integer not null,
    expires_at integer,
    used_at integer,
    ended_at integer
) strict;
create index api_token_by_account on api_token (account_id);

-- What somebody is told about their account.
create table notice (
    id integer primary key,
    account_id text not null references account (id),
    at integer not null,
    kind text not null,
    detail text not null,                   -- JSON object; never a secret
    chat integer,                           -- the chat that was linked then; null: none
    telegram text not null check (telegram in ('due', 'sent', 'failed', 'none'))
) strict;
create index notice_by_account on notice (account_id, at);
create index notice_due on notice (telegram) where telegram = 'due';
