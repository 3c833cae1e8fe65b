-- Tells dicomcast serve that a study is complete, or gone: a hint, so that it looks now and not at its next tick.
-- Orthanc's configuration: "LuaScripts": ["/etc/orthanc/wake.lua"], "HttpTimeout": 1
-- Its environment: DICOMCAST_URL (http://dicomcast:8080) and DICOMCAST_API_KEY, the DicomCast__ApiKey there.
--
-- Orthanc holds one lock for all Lua, and the next store waits for it: an endpoint that is slow stalls the archive. Hence two
-- events a study and none an image, and HttpTimeout.

local url = (os.getenv('DICOMCAST_URL') or 'http://127.0.0.1:8080') .. '/api/wake'
local headers = {
  ['Content-Type'] = 'application/json',
  ['x-functions-key'] = os.getenv('DICOMCAST_API_KEY') or ''
}

-- A deleted study has only Orthanc's id left, from which nobody can tell its StudyInstanceUID.
local known = {}

local function tell(uid)
  if uid == nil then return end
  -- Whatever comes of it: /changes and reconcile are the truth.
  pcall(HttpPost, url, DumpJson({ studyInstanceUid = uid }, true), headers)
end

function Initialize()
  local since = 0
  while true do
    local page = ParseJson(RestApiGet('/studies?expand&since=' .. since .. '&limit=1000'))
    if #page == 0 then return end
    for _, study in ipairs(page) do
      known[study.ID] = study.MainDicomTags.StudyInstanceUID
    end
    since = since + #page
  end
end

function OnStableStudy(id, tags, metadata)
  known[id] = tags.StudyInstanceUID
  tell(known[id])
end

function OnDeletedStudy(id)
  tell(known[id])
  known[id] = nil
end
