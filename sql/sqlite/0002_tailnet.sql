-- Who of the tailnet is who among the users. A person is (tailnet, UserProfile.ID): a login can be
-- renamed, or given to somebody else. Logins are stored in ASCII lower case.

-- A person that was seen. A row is never taken away: one that has ended stays as a tombstone.
create table tailnet_link (
    tailnet text not null,
    person integer not null,
    login text not null,                    -- that it was bound under
    seen_login text not null,               -- that the person was last seen with
    configured_login text,                  -- that it was ever bound under by [tailscale.users]
    account_id text references account (id), -- null: whom [tailscale.users] names for `login`
    how text not null check (how in ('configuration', 'command', 'self', 'auto_create')),
    created_at integer not null,            -- when it was bound
    ended_at integer,
    primary key (tailnet, person)
) strict;
-- By configuration, a login belongs to the first person seen with it, for ever.
create unique index tailnet_link_configured on tailnet_link (tailnet, configured_login)
    where configured_login is not null;
create index tailnet_link_by_account on tailnet_link (account_id);
create index tailnet_link_by_login on tailnet_link (login);
create index tailnet_link_by_seen_login on tailnet_link (seen_login);

-- `user link` of somebody who is yet to be seen: whoever comes first with that login becomes that user.
create table tailnet_wish (
    login text primary key,
    account_id text not null references account (id),
    created_at integer not null,
    ended_at integer                        -- taken back, or the account was deleted
) strict;
create index tailnet_wish_by_account on tailnet_wish (account_id);
