"""What is opened before anything is forwarded: secret, EAL, buffers, tables, detection, WAF."""
