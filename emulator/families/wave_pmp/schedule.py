"""In which order things happen within one step of Wave-PMP."""

#: slots of a step, and the order of the parts of an algorithm's step within `start`
SCHEDULE = ["start", "groups", "thresholds", "resets", "end"]
(
    HEAR_WAVES, TAKE_WAVES, CARRY, COME, CARRIED, READ, PULL, SEND, PUT, HEAR, TAKE, FORWARD, LAYER, PUT_BACK, HEAR_BACK,
    TAKE_BACK, BACK, LOAD, RESIDUE, SINK, SOURCES, ANSWER_LOAD, END, MASS, LEAVE, PUT_WAVES,
) = range(26)  # fmt: skip
