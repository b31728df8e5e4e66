"""What packets, bans and lists cost: ``python -m bench`` (``make bench``), bench/README.md."""
