-- The first tables. Ids are UUIDv7 as text, times are milliseconds since 1970, secrets are their SHA-256.

-- The change feed: one row a change, numbered without a gap in the order of commits.
create table feed (
    one integer primary key check (one = 1),
    last integer not null
) strict;
insert into feed (one, last) values (1, 0);

create table change (
    seq integer primary key,
    kind text not null,
    subject text not null
) strict;

-- People. A deleted account stays, so that its username is never given to another.
create table account (
    id text primary key,
    username text not null unique,
    email text unique,                      -- lower case
    name text not null,                     -- display name; empty where there is none
    roles text not null,                    -- comma list, sorted
    administrator integer not null check (administrator in (0, 1)),
    active integer not null check (active in (0, 1)),
    epoch integer not null,                 -- sessions of an older epoch are over
    password text,                          -- PHC string or bcrypt; null: none is set
    password_changed_at integer,
    created_at integer not null,
    deleted_at integer
) strict;

-- What a token names: a browser's session, or a token of POST /auth/token.
create table session (
    id text primary key,                    -- public: the `sid` of tokens
    kind text not null check (kind in ('web', 'token')),
    account_id text not null references account (id),
    epoch integer not null,
    secret blob unique,                     -- SHA-256 of the cookie; null for a token
    audience text,                          -- the one app it is for; null: all
    methods text not null,                  -- how it was opened, joined by +
    authenticated_at integer not null,
    created_at integer not null,
    used_at integer not null,
    expires_at integer not null,
    keep integer not null check (keep in (0, 1)),
    address text,
    user_agent text,
    ended_at integer
) strict;
create index session_by_account on session (account_id, ended_at);
create index session_by_expiry on session (expires_at);

-- Links that are used once: set-up, a password of one's own.
create table link (
    id text primary key,
    secret blob not null unique,
    purpose text not null check (purpose in ('setup', 'password')),
    account_id text references account (id),
    created_at integer not null,
    expires_at integer not null,
    used_at integer
) strict;

-- Guesses counted, by account, address or device.
create table attempt (
    key text primary key,
    failures integer not null,
    earlier integer not null,               -- of an address: failures of the hour before
    first_at integer not null,
    last_at integer not null,
    locked_until integer not null,
    version integer not null                -- compare-and-set
) strict;
create index attempt_by_age on attempt (last_at);

-- Browsers that have signed in before.
create table device (
    secret blob primary key,
    account_id text not null references account (id),
    created_at integer not null,
    used_at integer not null
) strict;

-- The record. Rows are only ever added.
create table audit (
    id integer primary key,
    at integer not null,
    event text not null,
    actor text not null,                    -- user:ID, visitor, command or aegis
    account_id text,                        -- whom it is about
    address text,
    detail text not null                    -- JSON object; never a secret
) strict;
create index audit_by_time on audit (at);
