"""Two nodes side by side between two routers, and the traffic that takes them."""
