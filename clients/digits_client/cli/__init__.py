"""Parts shared by the commands: arguments, server options, diagnosis."""
