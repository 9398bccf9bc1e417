# Say what the host runs and keeps. Changes nothing.
look
tell_live
