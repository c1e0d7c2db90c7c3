"""Who really sent a mail: SPF, DKIM, DMARC and ARC, each by itself; what it may do says :mod:`inbound.authenticity`.

Nothing here decides on consent. Each check takes the DNS as an argument and never raises on a stranger's input.
"""
