ALTER TABLE customers ALTER COLUMN phone DROP NOT NULL;
ALTER TABLE customers DROP CONSTRAINT customers_phone_format;
