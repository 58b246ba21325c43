"""How an installation is: small checks that look at one part each, for `/health/ready` and `manage.py doctor`. Nothing is changed by looking."""
