-- The same, where the backup has second factors: what was revoked, used or forgotten since it was made must
-- not count again. Recovery codes and API tokens have to be made anew.
update api_token set ended_at = created_at where ended_at is null;
delete from recovery_code;
update device set remembered_at = null;
update telegram_offer set ended_at = created_at where ended_at is null;
