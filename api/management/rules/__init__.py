"""Rules of the WAF: the patterns that requests are matched against."""
