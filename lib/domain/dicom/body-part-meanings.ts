/**
 * SNOMED CT code of a body part → Code Meaning, as PS3.16 prints it (Annex L, CID 4, 4009, 4030 and 4031). A code that
 * none of them names has none.
 */
const table = `
  818981001 Abdomen | 818982008 Abdomen and Pelvis | 7832008 Abdominal aorta | 85856004 Acromioclavicular joint |
  23451007 Adrenal gland | 70258002 Ankle joint | 194996006 Anterior cardiac vein | 8012006 Anterior communicating
  artery | 128553008 Antecubital vein | 17388009 Anterior spinal artery | 68053000 Anterior tibial artery | 110612005
  Anus, rectum and sigmoid colon | 15825003 Aorta | 57034009 Aortic arch | 54247002 Ascending aorta | 91470000 Axilla |
  67937003 Axillary Artery | 68705008 Axillary vein | 72107004 Azygos vein | 77568009 Back | 59011009 Basilar artery |
  28273000 Bile duct | 34707002 Biliary tract | 89837001 Bladder | 110837003 Bladder and urethra | 17137000 Brachial
  artery | 20115005 Brachial vein | 12738006 Brain | 76752008 Breast | 955009 Bronchus | 46862004 Buttock | 80144004
  Calcaneus | 69105007 Carotid Artery | 32062004 Common carotid artery | 57850000 Truncus coeliacus | 20699002 Cephalic
  vein | 113305005 Cerebellum | 88556005 Cerebral artery | 71252005 Cervix | 181347005 Common Femoral Artery | 60819002
  Cheek | 816094009 Chest | 416550000 Chest and Abdomen | 416775004 Chest, Abdomen and Pelvis | 11279006 Circle of
  Willis | 51299004 Clavicle | 64688005 Coccyx | 71854001 Colon | 73634005 Common iliac artery | 46027005 Common iliac
  vein | 79741001 Common bile duct | 28726007 Cornea | 41801008 Coronary artery | 90219004 Coronary sinus | 122494005
  Cervical spine | 1217257000 Cervico-thoracic spine | 38848004 Duodenum | 84301002 External auditory canal | 117590005
  Ear | 22286001 External carotid artery | 16953009 Elbow joint | 80891009 Heart | 32849002 Esophagus | 53342003
  Endo-nasal | 18962004 Endo-nasopharyngeal | 34402009 Rectum | 64033007 Kidney | 87953007 Ureter | 13648007 Urethra |
  59820001 Endo-vascular | 48367006 Endo-vesical | 27947004 Epigastric region | 113269004 External iliac artery |
  63507001 External iliac vein | 66019005 Extremity | 81745001 Eye | 80243003 Eyelid | 89545001 Face | 23074001 Facial
  artery | 7657000 Femoral artery | 83419000 Femoral vein | 71341001 Femur | 87342007 Fibula | 7569003 Finger | 58602004
  Flank | 79361005 Fontanel of skull | 56459004 Foot | 14975008 Forearm | 28231008 Gallbladder | 110568007 Gastric vein
  | 128559007 Genicular artery | 60734001 Great saphenous vein | 85562004 Hand | 69536005 Head | 774007 Head and Neck |
  76015000 Hepatic artery | 8993003 Hepatic vein | 24136001 Hip joint | 85050009 Humerus | 11708003 Hypogastric region |
  81502006 Hypopharynx | 361078006 Internal Auditory Canal | 86117002 Internal carotid artery | 34516001 Ileum |
  10293006 Iliac artery | 244411005 Iliac vein | 22356005 Ilium | 33795007 Inferior mesenteric artery | 64131007
  Inferior vena cava | 26893007 Inguinal region | 12691009 Innominate artery | 8887007 Innominate vein | 90024005
  Internal iliac artery | 12123001 Internal jugular vein | 69327007 Internal mammary artery | 1101003 Intracranial |
  661005 Jaw region | 21306003 Jejunum | 39352004 Joint | 72696002 Knee | 59749000 Lacrimal artery | 14742008 Large
  intestine | 4596009 Larynx | 82471001 Left atrium | 113270003 Left femoral artery | 133945003 Left hypochondriac
  region | 113264009 Lingual artery | 85119005 Left inguinal region | 10200004 Liver | 68505006 Left lower quadrant of
  abdomen | 1017210004 Left lumbar region | 30021000 Lower leg | 61685007 Lower limb | 50408007 Left pulmonary artery |
  122496007 Lumbar spine | 1217253001 Lumbo-sacral spine | 43863001 Superior left pulmonary vein | 52612000 Lumbar
  region | 34635009 Lumbar artery | 91747007 Lumen of blood vessel | 39607008 Lung | 86367003 Left upper quadrant of
  abdomen | 87878005 Left ventricle | 91609006 Mandible | 59066005 Mastoid bone | 70925003 Maxilla | 72410000
  Mediastinum | 86570000 Mesenteric artery | 128583004 Mesenteric vein | 123851003 Mouth | 360955006 Nasopharynx |
  45048000 Neck | 417437006 Neck and Chest | 416152001 Neck, Chest and Abdomen | 416319003 Neck, Chest, Abdomen and
  Pelvis | 45206002 Nose | 32114007 Occipital vein | 31145008 Occipital artery | 53549008 Ophthalmic artery | 55024004
  Optic canal | 363654007 Orbital structure | 15497006 Ovary | 110621006 Pancreatic duct and bile duct systems |
  15776009 Pancreas | 69930009 Pancreatic duct | 91691001 Parasternal | 111002 Parathyroid | 45289007 Parotid gland |
  64234005 Patella | 816092008 Pelvis | 1231522001 Pelvis and lower extremities | 18911002 Penis | 38864007 Perineum |
  8821006 Peroneal artery | 706342009 Phantom | 54066008 Pharynx | 312535008 Pharynx and larynx | 43899006 Popliteal
  artery | 32361000 Popliteal fossa | 32764006 Portal vein | 43119007 Posterior communication artery | 13363002
  Posterior tibial artery | 31677005 Profunda Femoris Artery | 41216001 Prostate | 81040000 Pulmonary artery | 122972007
  Pulmonary vein | 45631007 Radial artery | 73829009 Right atrium | 2841007 Renal artery | 56400007 Renal vein |
  82849001 Retroperitoneum | 69833005 Right femoral artery | 133946002 Right hypochondriac region | 113197003 Rib |
  37117007 Right inguinal region | 48544008 Right lower quadrant of abdomen | 1017211000 Right lumbar region | 78480002
  Right pulmonary artery | 8629005 Superior right pulmonary vein | 50519007 Right upper quadrant of abdomen | 53085002
  Right ventricle | 362072009 Saphenous vein | 41695006 Scalp | 79601000 Scapula | 7844006 Sternoclavicular joint |
  18619003 Sclera | 20233005 Scrotum | 42575006 Sella turcica | 58742003 Sesamoid bones of foot | 181349008 Superficial
  Femoral Artery | 128587003 Saphenofemoral junction | 16982005 Shoulder | 60184004 Sigmoid colon | 39723000 Sacroiliac
  joint | 89546000 Skull | 42258001 Superior mesenteric artery | 30315005 Small intestine | 2748008 Spinal cord |
  421060004 Spine | 78961009 Spleen | 22083002 Splenic artery | 35819009 Splenic vein | 54735007 Sacrum | 56873002
  Sternum | 69695003 Stomach | 36765005 Subclavian artery | 9454009 Subclavian vein | 19695001 Subcostal | 54019009
  Submandibular gland | 77621008 Supraclavicular region of neck | 72021004 Superior thyroid artery | 48345005 Superior
  vena cava | 40689003 Testis | 68367000 Thigh | 113262008 Thoracic aorta | 76505004 Thumb | 9875009 Thymus | 69748006
  Thyroid | 1217256009 Thoraco-lumbar spine | 53620006 Temporomandibular joint | 29707007 Toe | 21974007 Tongue |
  44567001 Trachea | 110726009 Trachea and bronchus | 122495006 Thoracic spine | 44984001 Ulnar artery | 90290004
  Umbilical region | 50536004 Umbilical artery | 284639000 Umbilical vein | 40983000 Upper arm | 53120007 Upper limb |
  431491007 Upper urinary tract | 35039007 Uterus | 85234005 Vertebral artery | 45292006 Vulva | 38266002 Entire body |
  74670003 Wrist joint | 13881006 Zygoma
`

/** What PS3.16 calls a body part of its Annex L. */
export const bodyPartMeanings: ReadonlyMap<string, string> = new Map(
  table.split('|').map((row) => {
    const [code = '', ...words] = row.trim().split(/\s+/)
    return [code, words.join(' ')]
  }),
)
