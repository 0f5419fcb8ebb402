"""Sends alerts out: log, signed JSON webhook, and everything Apprise reaches.

A channel is a function that sends one message and returns, or raises DeliveryError. It never says
where it sends: the addresses hold secrets.
"""
