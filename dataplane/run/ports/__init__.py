"""The two data ports: their devices, and the related parts of the kernel and vfio."""
