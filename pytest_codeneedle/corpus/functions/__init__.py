"""Where functions begin and end in source code, a module for each parser."""
