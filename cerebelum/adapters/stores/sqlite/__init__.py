"""The store on one SQLite file: `store.SqliteStore`."""
