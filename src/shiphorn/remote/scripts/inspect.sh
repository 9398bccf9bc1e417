# Say what the host runs and keeps. Changes nothing.
look
refuse_current
tell_live
