//! Scratch databases: private PostgreSQL servers and the restore of backups into them.
