"""The ground floor: configuration, database, jobs, clock, addresses, logging. It knows nothing of promotions."""
