"""Words, as data for each language, that the reading of a reply looks for."""
