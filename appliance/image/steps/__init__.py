"""The steps of a build: builder root, base image, machine by Packer, closing, bare metal."""
