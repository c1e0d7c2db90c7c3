"""The customers' pages, the one-click endpoint, the staff desk and the JSON API."""
