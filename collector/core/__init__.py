"""What is true about bars, coverage and absence, as plain arithmetic: no Django, no clock, no sockets."""
