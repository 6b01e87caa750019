"""What the commands share: server options, an embedded server, and diagnosis of failures."""
