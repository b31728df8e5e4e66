"""``secbeat host firstboot``: what makes this node this one, once.

Identity on every host: node id, certificate. In the image also ssh host keys, what a volume
labelled CIDATA brings, and the account to log in with. Each part looks whether it is done already,
and puts its files into place whole: a power loss at any moment costs another run, nothing else.
"""
