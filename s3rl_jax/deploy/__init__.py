"""From trained parameters to a file that runs on a device, and the code that runs it there."""
