"""Opens everything before packets are forwarded: secret, EAL, buffers, tables, detection, WAF."""
