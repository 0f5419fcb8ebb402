"""The shapes that cross the network, one file a noun, for server and client."""
