"""Parts shared by the commands: arguments, server options, an embedded server, diagnosis."""
