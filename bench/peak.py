"""python peak.py COMMAND...: runs a command and prints the most memory it took, in bytes.

A process of its own, and a small one: the peak that Linux reports of a child begins with its parent's.
"""

import os
import subprocess
import sys

process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
print(usage.ru_maxrss * 1024)
sys.exit(os.waitstatus_to_exitcode(status))
