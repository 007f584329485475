"""Drives the real program: homes, servers, HTTP, raw sockets, event streams."""
