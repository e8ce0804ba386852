-- The courier calls before the parcel comes, so nobody may be without a number.
ALTER TABLE customers
    ADD CONSTRAINT customers_phone_format CHECK (phone ~ '^\+[0-9 ]+$');

ALTER TABLE customers
    ALTER COLUMN phone SET NOT NULL;
