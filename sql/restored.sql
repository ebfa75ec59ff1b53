-- What a backup must not bring back: sessions ended and links used since it was made. All of them
-- are void in a restored copy; people sign in anew.
update account set epoch = epoch + 1;
update link set expires_at = 0 where used_at is null;
