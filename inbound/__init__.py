"""What people and mail servers send back, and what we do about it."""
