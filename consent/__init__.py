"""May we write to this person, about this, today?  An append-only ledger answers."""
