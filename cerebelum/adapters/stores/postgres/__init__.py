"""The store on PostgreSQL: `store.PostgresStore`."""
