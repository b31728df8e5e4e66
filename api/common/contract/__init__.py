"""What an operation promises: declaration, checks, errors and the document made of them."""
