"""What whoever runs the service needs: backups, figures, the log, the unit of systemd."""
