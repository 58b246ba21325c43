"""How the admin writes dates: ISO, the same for everybody."""
