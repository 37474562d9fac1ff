"""What officers do. Each action is one transaction under the lock of the case; what time has made true is said first.

An action that is repeated by the same officer with the same content answers the same and does nothing.
"""
