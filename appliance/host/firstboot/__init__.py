"""``secbeat host firstboot``: gives a node its identity, once.

On every host: node id and certificate. In the image also ssh host keys, the files of a volume
labelled CIDATA, and the login account. Each part checks whether it is done already, and installs
its files atomically: after a power loss at any moment, another run is sufficient.
"""
