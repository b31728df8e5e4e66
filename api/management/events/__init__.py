"""What has happened on the node: a page at a time, or as it happens."""
