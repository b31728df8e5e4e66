"""The two data ports: their devices, and what the kernel and vfio have to do with them."""
