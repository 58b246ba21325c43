"""`python -m providers.simulator`: the simulated vendors without Django."""

import argparse
import os
import sys

from providers.simulator.options import add_arguments, options_of
from providers.simulator.running import serve

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="providers.simulator", description="Serve bars in vendors' wire formats.")
    add_arguments(parser)
    sys.exit(serve(options_of(parser.parse_args()), parent=os.getppid()))
