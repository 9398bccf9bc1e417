# Say what the host runs and keeps. Changes nothing.
tell_live
