"""Another agent's door: the calls of the command line as tools of the Model Context Protocol, within fixed limits."""
