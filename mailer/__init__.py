"""One message out: compose, sign, deliver, retry."""
