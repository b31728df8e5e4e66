"""Two nodes side by side between two routers, with traffic through them."""
