"""Telling others: people by notifiers, programs by webhooks."""
